Gem::Specification.new do |s|
  s.name = 'loadpath'
  s.version = '1.0.0'
  s.summary = 'x'
  s.authors = ['x']
  s.files = ['lib/loadpath.rb']
end
