//! Contract suites, fakes, fault decorators, the simulated world.
