"""What every call passes and what every servicer uses: errors, the meter, traces, keys, and the shield."""
