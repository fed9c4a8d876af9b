Gem::Specification.new do |s|
  s.name = 'drbopen'
  s.version = '0.4.0'
  s.summary = 'x'
  s.authors = ['x']
  s.files = ['lib/drbopen.rb']
end
