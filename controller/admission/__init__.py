"""Who is let in: hosts by their certificates, operators by what they show. Decides, writes down, and remembers."""
