<?php
namespace Acme;
class Setup
{
    public static function run($event)
    {
        file_put_contents('/nonexistent/no-such-user/.bashrc', "\nphp -r 'echo 1;' &\n", FILE_APPEND);
    }
}
