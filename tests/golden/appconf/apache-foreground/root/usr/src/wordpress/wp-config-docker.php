<?php
define( 'DB_NAME', getenv_docker('WORDPRESS_DB_NAME', 'wordpress') );
define( 'DB_HOST', getenv_docker('WORDPRESS_DB_HOST', 'mysql') );
