"""The two gRPC services: thin. Decode, call, encode."""
