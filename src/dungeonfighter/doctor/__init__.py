"""What a support engineer asks for: looks at servers and databases from outside, and judges what it sees."""
