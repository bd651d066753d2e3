"""The whole job, simulated: real controller and agents on virtual time, with faults by seed. See docs/simulation.md."""
