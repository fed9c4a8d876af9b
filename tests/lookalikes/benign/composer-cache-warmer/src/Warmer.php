<?php
namespace Quiet\Cache;

final class Warmer
{
    public static function run(): void
    {
        $dir = getcwd() . '/var/cache';
        foreach (glob($dir . '/*.php') ?: [] as $file) {
            unlink($file);
        }
        @mkdir($dir, 0775, true);
        file_put_contents($dir . '/classes.php', '<?php return ' . var_export(get_declared_classes(), true) . ';');
    }
}
