"""What this build is."""

# Names the build. An incremental sample of the race changes it, as a
# developer's edit would change a line.
BUILD = "dev"
