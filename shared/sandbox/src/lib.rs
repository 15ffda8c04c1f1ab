//! Providers that behave like the real ones: Rutter, Metrc, Stashstock.
