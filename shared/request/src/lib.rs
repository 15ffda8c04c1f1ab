//! Requests as data: interpolation, requesters, authenticators, response filters, decoders.
