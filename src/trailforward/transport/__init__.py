"""The HTTP/1.1 client that the HTTP sink and the direct AWS calls share."""
