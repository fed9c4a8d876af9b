<?php
// Loads the files of a Composer project's packages, and in the execute phase calls its functions with dummy arguments.
// Runs as the package's user, in the package's process: what it writes down is the package's word, and is shown as such.
// usage: php php_exercise.php import|execute DESCRIPTOR VENDOR
[, $phase, $descriptor, $vendor] = $argv;
$argv = $GLOBALS['argv'] = [''];
$out = fopen("php://fd/$descriptor", 'w');

function pumpkin_attempt($out, array $fields, callable $work): void
{
    $start = hrtime(true);
    $value = $error = null;
    try {
        $value = $work();
    } catch (\Throwable $caught) {
        $error = substr(get_class($caught) . ': ' . $caught->getMessage(), 0, 300);
    }
    $spent = round((hrtime(true) - $start) / 1e6, 1);
    $said = $fields + ['result' => $error === null ? get_debug_type($value) : null, 'exception' => $error, 'duration_ms' => $spent];
    @fwrite($out, json_encode($said, JSON_INVALID_UTF8_SUBSTITUTE) . "\n");
}

$functions = get_defined_functions()['user'];
$classes = get_declared_classes();
pumpkin_attempt($out, ['phase' => $phase, 'module' => 'autoload', 'symbol' => '', 'kind' => 'import'], fn () => require "$vendor/autoload.php");
$found = [];
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($vendor, FilesystemIterator::SKIP_DOTS)) as $file) {
    $inside = substr($file->getPathname(), strlen($vendor) + 1);
    if ($file->isFile() && $file->getExtension() === 'php' && !str_starts_with($inside, 'composer/') && $inside !== 'autoload.php') {
        $found[] = $inside;
    }
}
sort($found);
foreach (array_slice($found, 0, 200) as $inside) {
    pumpkin_attempt($out, ['phase' => $phase, 'module' => $inside, 'symbol' => '', 'kind' => 'import'], fn () => require_once "$vendor/$inside");
}
if ($phase === 'execute') {
    set_time_limit(60);
    $calls = array_map(fn ($name) => [$name, new ReflectionFunction($name)], array_values(array_diff(get_defined_functions()['user'], $functions, ['pumpkin_attempt'])));
    foreach (array_diff(get_declared_classes(), $classes) as $class) {
        if (str_starts_with($class, 'Composer\\') || str_starts_with($class, 'ComposerAutoloaderInit')) {
            continue;
        }
        foreach ((new ReflectionClass($class))->getMethods(ReflectionMethod::IS_STATIC | ReflectionMethod::IS_PUBLIC) as $method) {
            if ($method->isStatic() && $method->isPublic() && !$method->isAbstract()) {
                $calls[] = [[$class, $method->getName()], $method];
            }
        }
    }
    foreach (array_slice($calls, 0, 300) as [$callable, $about]) {
        $arguments = array_fill(0, $about->getNumberOfRequiredParameters(), 'test');
        $name = is_array($callable) ? implode('::', $callable) : $callable;
        pumpkin_attempt($out, ['phase' => $phase, 'module' => '', 'symbol' => $name, 'kind' => 'function'], fn () => $callable(...$arguments));
    }
}
