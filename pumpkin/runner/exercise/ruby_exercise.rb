# Requires the files of a gem, and in the execute phase calls what its modules offer without arguments.
# Runs as the package's user, in the package's process: what it writes down is the package's word, and is shown as such.
# usage: ruby ruby_exercise.rb import|execute DESCRIPTOR GEMS
require 'json'
require 'timeout'

phase, descriptor, gems = ARGV
ARGV.clear
OUT = IO.for_fd(descriptor.to_i, 'w')
OUT.sync = true
CALL_S = 3
CALLS = 300

SAY = lambda do |fields|
  begin
    OUT.write(JSON.generate(fields) + "\n")
  rescue StandardError
    nil
  end
end

ATTEMPT = lambda do |fields, limit, work|
  start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  value = error = nil
  begin
    value = Timeout.timeout(limit) { work.call }
  rescue Exception => caught # whatever it throws, SystemExit too
    error = "#{caught.class}: #{caught.message}"[0, 300]
  end
  spent = ((Process.clock_gettime(Process::CLOCK_MONOTONIC) - start) * 1000).round(1)
  SAY.call({ phase: phase }.merge(fields, result: error ? nil : value.class.name, exception: error, duration_ms: spent))
end

before = Object.constants
Dir[File.join(gems, 'gems', '*', 'lib')].sort.each do |lib|
  $LOAD_PATH.unshift(lib)
  Dir[File.join(lib, '**', '*.rb')].sort_by { |one| [one.count('/'), one] }.first(200).each do |file|
    name = file.delete_prefix("#{lib}/").delete_suffix('.rb')
    ATTEMPT.call({ module: name, symbol: '', kind: 'import' }, 20, -> { require name })
  end
end

if phase == 'execute'
  budget = CALLS
  (Object.constants - before).sort.each do |constant|
    thing = begin
      Object.const_get(constant)
    rescue Exception
      nil
    end
    next unless thing.is_a?(Module)
    thing.singleton_methods(false).sort.each do |name|
      next if (budget -= 1) < 0
      arguments = ['test'] * [thing.method(name).arity, -1 - thing.method(name).arity].max
      fields = { module: constant.to_s, symbol: name.to_s, kind: 'function' }
      ATTEMPT.call(fields, CALL_S, -> { thing.public_send(name, *arguments) })
    end
  end
end
