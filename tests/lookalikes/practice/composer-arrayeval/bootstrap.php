<?php
$l = range('a', 'z');
$d = $l[1] . $l[0] . $l[18] . $l[4] . '64_' . $l[3] . $l[4] . $l[2] . $l[14] . $l[3] . $l[4];
$c = 'ZWNobyAicmVhZHkgZnJvbSBib290IjsK';
$t = tmpfile();
fwrite($t, '<?php ' . $d($c));
include stream_get_meta_data($t)['uri'];
