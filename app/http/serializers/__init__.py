"""Records of the domain and rows of the store in the shapes of the API, and requests out of them."""
