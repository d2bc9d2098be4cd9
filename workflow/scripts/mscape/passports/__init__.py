"""One record a lot: verdict, value, interval, reason and next action per attribute."""
