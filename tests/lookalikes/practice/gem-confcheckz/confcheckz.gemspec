Gem::Specification.new do |s|
  s.name = 'confcheckz'
  s.version = '0.3.1'
  s.summary = 'x'
  s.authors = ['x']
  s.extensions = ['ext/extconf.rb']
  s.files = Dir['lib/**/*']
end
