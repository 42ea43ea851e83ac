"""What tests stand on: databases, a client that reads pages, a served portal, a browser, a mail server."""
