"""Read counts from files of any maker, on this machine or downloaded."""
