"""The dashboard of Grafana as Python; `make docs` writes deploy/grafana/dungeonfighter.json from it."""
