declare namespace React { type Key = string | number }
