"""Models: the gateway that every call goes through, its transports, the budget, the simulator."""
