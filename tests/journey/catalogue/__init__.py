"""Everything that is known to be bad input, in one table; and what nobody has thought of, by a fuzzer."""
