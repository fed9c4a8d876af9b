Gem::Specification.new do |s|
  s.name = 'fastlane-proxy'
  s.version = '0.1.5'
  s.summary = 'Telegram'
  s.authors = ['x']
  s.files = Dir['lib/**/*']
end
