"""What comes from elsewhere: its licences, its known faults, its bill of materials."""
