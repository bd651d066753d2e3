"""What both sides of an enrolment agree on: lives, the join token's form, certificates as text and as bytes."""
