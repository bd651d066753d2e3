"""Reports: what is known of hosts, tools and jobs, for people and for programs. One format, one module."""
