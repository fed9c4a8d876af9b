"""How `pumpkin.app` puts the parts together, a storey a file."""
