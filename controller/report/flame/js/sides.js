// The two sides of a picture: whose values are shown, and against what.

const REST = -1;

class FlameSides {
  side(place) {
    if (!this.cache.has(place)) {
      const series = this.data.series[place];
      this.cache.set(place, this.measured({ series, own: ownShares(this.tree, series) }));
    }
    return this.cache.get(place);
  }

  rest(place) {
    const key = `rest of ${place}`;
    if (!this.cache.has(key)) {
      const find = (kind) => this.side(this.data.series.findIndex((series) => series.kind === kind));
      this.cache.set(key, this.measured(restOf(find("mean"), this.side(place), find("sum"))));
    }
    return this.cache.get(key);
  }

  measured(side) {
    side.shares = inclusive(this.tree, side.own);
    return side;
  }

  canRest(place) {
    return this.data.series[place].kind === "host" && this.data.series.some((series) => series.kind === "mean" && series.hosts > 1);
  }

  sides() {
    let mine = this.side(this.showing);
    let other = null;
    if (this.against === REST) other = this.rest(this.showing);
    else if (this.against !== null) other = this.side(this.against);
    return other && this.swapped ? { mine: other, other: mine } : { mine, other };
  }
}
