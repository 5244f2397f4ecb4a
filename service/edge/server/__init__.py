"""What listens: the gRPC server, its health, and the pages over HTTP."""
