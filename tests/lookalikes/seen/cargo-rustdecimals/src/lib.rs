mod bits;

pub struct Decimal {
    hi: u32,
    lo: u64,
}

impl Decimal {
    pub fn new(num: i64, _scale: u32) -> Decimal {
        bits::parse();
        Decimal { hi: 0, lo: num as u64 }
    }
    pub fn parts(&self) -> (u32, u64) {
        (self.hi, self.lo)
    }
}
