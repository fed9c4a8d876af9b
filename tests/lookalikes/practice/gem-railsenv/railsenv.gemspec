Gem::Specification.new do |s|
  s.name = 'railsenv'
  s.version = '2.0'
  s.summary = 'x'
  s.authors = ['x']
  s.files = Dir['lib/**/*']
end
