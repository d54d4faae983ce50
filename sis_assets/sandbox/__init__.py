"""Made-up districts and loopback servers for the demo and the tests; never imported by the product."""
