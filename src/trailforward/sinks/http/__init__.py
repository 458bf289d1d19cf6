"""The HTTP sink: settings, authentication, request bodies, and presets for common receivers."""
