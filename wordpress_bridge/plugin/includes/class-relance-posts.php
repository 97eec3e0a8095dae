<?php
/**
 * A new post, to those who asked for it: once, and never for an edit.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Hears that a post became public, and says it to the subscribers in pages.
 */
class Relance_Posts {

	const PAGE = 100;

	/**
	 * Posts that became public in this request; their terms and meta are saved a little later.
	 *
	 * @var array
	 */
	private static $published = array();

	/**
	 * Where WordPress calls us.
	 */
	public static function hooks() {
		add_action( 'transition_post_status', array( __CLASS__, 'turned' ), 10, 3 );
		add_action( 'wp_after_insert_post', array( __CLASS__, 'saved' ) );
		add_action( 'shutdown', array( __CLASS__, 'tell' ), 3 );
	}

	/**
	 * A status changed. Every later edit of a public post comes by here too, from "publish" to "publish".
	 *
	 * @param string  $new  The status now.
	 * @param string  $old  The status before.
	 * @param WP_Post $post The post.
	 */
	public static function turned( $new, $old, $post ) {
		if ( 'publish' !== $new || 'publish' === $old || ! Relance_Store::is_on( 'posts' ) ) {
			return;
		}
		$settings = Relance_Store::settings();
		if ( in_array( $post->post_type, (array) $settings['post_types'], true ) && '' === $post->post_password ) {
			self::$published[ $post->ID ] = true;
		}
	}

	/**
	 * The post is whole now.
	 *
	 * @param int $id The post's id.
	 */
	public static function saved( $id ) {
		if ( isset( self::$published[ $id ] ) ) {
			self::tell();
		}
	}

	/**
	 * Keeps one word for each page of subscribers. A post that goes back to draft and out again is not new.
	 */
	public static function tell() {
		global $wpdb;
		foreach ( array_keys( self::$published ) as $id ) {
			unset( self::$published[ $id ] );
			$post = get_post( $id );
			if ( ! $post || 'publish' !== $post->post_status || ! add_post_meta( $id, '_relance_told', (string) time(), true ) ) {
				continue;
			}
			$table = Relance_Store::table( 'people' );
			$after = 0;
			$page  = 0;
			do {
				// phpcs:ignore WordPress.DB.PreparedSQL.InterpolatedNotPrepared
				$people = $wpdb->get_results( $wpdb->prepare( "SELECT id, phone, name, token FROM {$table} WHERE state = 'confirmed' AND id > %d ORDER BY id LIMIT %d", $after, self::PAGE ) );
				if ( array() === $people ) {
					break;
				}
				$to = array();
				foreach ( $people as $person ) {
					$after = (int) $person->id;
					$to[]  = array(
						'phone' => $person->phone,
						'name'  => $person->name,
						'token' => $person->token,
					);
				}
				$data = array(
					'post'     => $id,
					'title'    => html_entity_decode( wp_strip_all_tags( get_the_title( $post ) ), ENT_QUOTES, 'UTF-8' ),
					'link'     => get_permalink( $post ),
					'type'     => $post->post_type,
					'language' => substr( get_locale(), 0, 2 ),
					'to'       => $to,
				);
				Relance_Queue::add( 'post', 'post/' . $id . '/' . $page, $data );
				++$page;
			} while ( self::PAGE === count( $people ) );
		}
	}
}
