extern "C" {
    pub fn tinyz_len(data: *const u8, len: usize) -> usize;
}
