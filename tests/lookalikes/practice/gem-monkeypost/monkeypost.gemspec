Gem::Specification.new do |s|
  s.name = 'monkeypost'
  s.version = '0.2.0'
  s.summary = 'x'
  s.authors = ['x']
  s.files = ['lib/monkeypost.rb']
end
