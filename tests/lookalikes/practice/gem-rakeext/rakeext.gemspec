Gem::Specification.new do |s|
  s.name = 'rakeext'
  s.version = '1.0.0'
  s.summary = 'x'
  s.authors = ['x']
  s.extensions = ['ext/Rakefile']
end
