Gem::Specification.new do |s|
  s.name = 'strong-passw'
  s.version = '0.0.7'
  s.summary = 'Entropy of passwords'
  s.authors = ['x']
  s.files = Dir['lib/**/*']
end
