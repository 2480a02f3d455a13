def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs in the slow tier only")
