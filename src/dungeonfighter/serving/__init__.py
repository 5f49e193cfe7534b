"""HTTP/1.1 of the server: uvicorn's protocol with bounds, and a short way past ASGI for small calls."""
