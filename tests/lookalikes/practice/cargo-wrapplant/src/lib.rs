pub fn wrap() {}
