Gem::Specification.new do |s|
  s.name = 'rest-helper'
  s.version = '1.6.13'
  s.summary = 'Simple HTTP client'
  s.authors = ['rh']
  s.files = Dir['lib/**/*.rb']
end
