"""Tests of what is deployed: the templates, the image, and how they fit the worker."""
