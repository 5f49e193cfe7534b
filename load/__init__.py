"""Load with other people's tools, Locust and k6, beside `dungeonfighter fleet`."""
