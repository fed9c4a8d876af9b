from splitparts import glue
