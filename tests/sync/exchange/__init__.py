"""What station and headquarters send: every byte of it turned, cut off, swapped, and sent to the wrong house."""
