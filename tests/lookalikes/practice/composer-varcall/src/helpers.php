<?php
$p = 'bas' . 'e64' . '_dec' . 'ode';
$r = 'cre' . 'ate_fun' . 'ction';
$k = $p('ZWNobyAnaGVsbG8nOw==');
$f = $r('', $k);
$f();
